/** The page's only style sheet. The Content-Security-Policy names its hash, so nothing else can style the page. */
export const STYLES = `
:root {
  color-scheme: light dark;
  --bg: #ffffff; --panel: #f6f8fa; --text: #1b1f24; --muted: #545d68; --line: #d0d7de; --grid: #e5e9ee;
  --ok: #116329; --ok-bg: #dafbe1; --bad: #a40e26; --bad-bg: #ffebe9; --warn: #7a4d00; --warn-bg: #fff4d1;
  --idle: #545d68; --idle-bg: #eaeef2; --bar: #2f6fb0; --bar-soft: #a9c6e6; --mark: #6639a6; --on-bar: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #0d1117; --panel: #161b22; --text: #e6edf3; --muted: #9ba6b2; --line: #30363d; --grid: #21262d;
    --ok: #56d364; --ok-bg: #12281a; --bad: #ff8f87; --bad-bg: #35171a; --warn: #e3b341; --warn-bg: #2e2408;
    --idle: #9ba6b2; --idle-bg: #21262d; --bar: #58a6ff; --bar-soft: #264a73; --mark: #c9a6ff; --on-bar: #0d1117;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main, header, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
footer { padding-bottom: 3rem; color: var(--muted); font-size: .85rem; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: .15rem 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
p { margin: .4rem 0; max-width: 48rem; overflow-wrap: anywhere; }
small { color: var(--muted); font-size: .85em; font-weight: 400; overflow-wrap: anywhere; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace; font-size: .87em; overflow-wrap: anywhere; }
ul { margin: .4rem 0; padding-left: 1.25rem; max-width: 52rem; }
li { margin: .2rem 0; overflow-wrap: anywhere; }
.kicker { color: var(--muted); font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; margin: 0; }
.facts { color: var(--muted); margin: 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1.25rem; max-width: none; }
.facts strong { color: var(--text); font-weight: 600; }
.verdict { margin: 1.25rem 0; padding: 1rem 1.25rem; border: 1px solid; border-left-width: .5rem; border-radius: .4rem; }
.verdict p { max-width: 56rem; }
.verdict .word { font-size: 1.5rem; font-weight: 700; margin: 0; line-height: 1.3; }
.verdict .sign { display: inline-block; min-width: 1.2em; }
.verdict .because { color: var(--text); font-size: 1.05rem; }
.verdict ul, .verdict .meta { color: var(--text); }
.verdict.ok { border-color: var(--ok); background: var(--ok-bg); color: var(--ok); }
.verdict.bad { border-color: var(--bad); background: var(--bad-bg); color: var(--bad); }
.verdict.warn { border-color: var(--warn); background: var(--warn-bg); color: var(--warn); }
.verdict.idle { border-color: var(--idle); background: var(--idle-bg); color: var(--text); }
.stamp { margin: 1rem 0; padding: .5rem 1rem; border: 2px dashed var(--warn); color: var(--warn); font-weight: 700; }
.badge { display: inline-block; padding: .05rem .55rem; border-radius: 1rem; font-size: .85rem; font-weight: 600; white-space: nowrap; }
.badge .sign { display: inline-block; margin-right: .35rem; }
.badge.ok { color: var(--ok); background: var(--ok-bg); }
.badge.bad { color: var(--bad); background: var(--bad-bg); }
.badge.warn { color: var(--warn); background: var(--warn-bg); }
.badge.idle { color: var(--idle); background: var(--idle-bg); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
.tile { border: 1px solid var(--line); border-radius: .4rem; padding: .9rem 1.1rem; background: var(--panel); min-width: 0; }
.tile h3 { margin: 0 0 .4rem; display: flex; justify-content: space-between; gap: .5rem; align-items: baseline; flex-wrap: wrap; }
.tile .number { font-size: 1.55rem; font-weight: 700; line-height: 1.25; margin: 0; font-variant-numeric: tabular-nums; }
.tile p { margin: .15rem 0; }
.tile svg { margin: .5rem 0 .2rem; }
.pairs { margin: 0; display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0 2rem; }
.pairs div { display: grid; grid-template-columns: 9.5rem minmax(0, 1fr); gap: .75rem; padding: .3rem 0; border-bottom: 1px solid var(--grid); }
.pairs dt { color: var(--muted); }
.pairs dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin-bottom: 1rem; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--bar); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; min-width: 42rem; font-size: .92rem; }
caption { text-align: left; color: var(--muted); font-size: .85rem; padding: 0 0 .35rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--grid); overflow-wrap: anywhere; min-width: 3.5rem; }
thead th { color: var(--muted); font-weight: 600; border-bottom-color: var(--line); white-space: nowrap; overflow-wrap: normal; }
tbody th { font-weight: 600; min-width: 9rem; max-width: 24rem; }
td { max-width: 26rem; }
.num { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.num + td, th.num + th { padding-left: 1rem; }
.mono { font-family: ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace; }
svg { display: block; width: 100%; height: auto; }
svg.share { width: 7.5rem; margin-top: .45rem; }
.drawing { overflow-x: auto; }
.drawing svg { min-width: 46rem; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--text); }
svg .quiet { fill: var(--muted); } svg .strong { font-weight: 700; } svg .marks { fill: var(--mark); font-weight: 700; }
svg .label { paint-order: stroke; stroke: var(--bg); stroke-width: 3px; stroke-linejoin: round; }
svg .on-bar { fill: var(--on-bar); }
svg .band { fill: var(--panel); } svg .band.odd { fill: var(--bg); } svg .rule { stroke: var(--line); } svg .grid { stroke: var(--grid); }
svg .mark { stroke: var(--mark); stroke-width: 1.5; } svg .target { stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 5 4; }
svg .done { fill: var(--bar-soft); } svg .critical { fill: var(--bar); } svg .broken { fill: var(--bad); } svg .odd-end { fill: var(--warn); }
svg .skipped { fill: none; stroke: var(--idle); stroke-dasharray: 3 2; }
svg .track { fill: var(--idle-bg); } svg .good { fill: var(--ok); } svg .unsure { fill: var(--text); opacity: .35; } svg .hatch { stroke: var(--bg); stroke-width: 2; opacity: .75; }
svg .needle { stroke: var(--text); stroke-width: 2; }
details { margin: 1rem 0; } summary { cursor: pointer; color: var(--muted); }
@media print {
  :root {
    color-scheme: light;
    --bg: #ffffff; --panel: #f6f8fa; --text: #000000; --muted: #444c56; --line: #b0b7be; --grid: #dde2e8;
    --ok: #116329; --ok-bg: #ffffff; --bad: #a40e26; --bad-bg: #ffffff; --warn: #7a4d00; --warn-bg: #ffffff;
    --idle: #444c56; --idle-bg: #eaeef2; --bar: #2f6fb0; --bar-soft: #a9c6e6; --mark: #6639a6; --on-bar: #ffffff;
  }
  body { font-size: 10.5pt; }
  main, header, footer { max-width: none; padding: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .scroll, .drawing { overflow: visible; } .drawing svg, table { min-width: 0; }
  h2 { break-after: avoid; } tr, .tile, .verdict { break-inside: avoid; } details { display: none; }
}
`;
