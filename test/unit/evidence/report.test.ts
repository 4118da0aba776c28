import { join } from "node:path";
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { measure } from "../../../src/drills/measure.ts";
import { escapeText } from "../../../src/evidence/report-html/html.ts";
import { renderReport } from "../../../src/evidence/report-html/render-report.ts";
import { groupMarks, niceTicks } from "../../../src/evidence/report-html/timeline-layout.ts";
import {
  type Drill,
  failedDrill,
  failoverDrill,
  hostileDrill,
  lossyDrill,
  passedDrill,
  slowDrill,
  unpreparedDrill,
} from "../../support/measure-report.ts";

const report = ({ plan, journal }: Drill): string =>
  renderReport(measure(plan, journal.records), plan, journal.records);
const golden = (name: string): string => join(import.meta.dirname, "../../golden/report", name);

/** Says what is missing without printing the whole page. */
function expectHolds(page: string, text: string): void {
  expect({ text, there: page.includes(text) }).toEqual({ text, there: true });
}

describe("the report", () => {
  test.each([
    ["passed.html", passedDrill],
    ["failed.html", failedDrill],
    ["missed.html", slowDrill],
    ["failover.html", failoverDrill],
    ["failover-lost.html", lossyDrill],
  ])("%s is what it was", async (name, drill) => {
    await expect(report(drill())).toMatchFileSnapshot(golden(name));
  });

  test("is the same bytes for the same run", () => {
    expect(report(passedDrill())).toBe(report(passedDrill()));
  });

  test.each([
    ["passed", passedDrill],
    ["hostile", hostileDrill],
  ])("%s: holds no script, loads nothing and lets only its own style in", (_, drill) => {
    const page = report(drill());
    const tags = new Set([...page.matchAll(/<([a-zA-Z!][a-zA-Z0-9]*)/gu)].map(([, tag]) => tag?.toLowerCase()));
    for (const tag of [
      "script",
      "img",
      "iframe",
      "object",
      "link",
      "base",
      "form",
      "foreignobject",
      "image",
      "use",
      "a",
    ])
      expect(tags).not.toContain(tag);
    expect(/<[^>]*\s(?:on\w+|style|src|href)=/iu.exec(page)).toBeNull();
    expect(/@import|url\((?!#broken-hatch\))/u.exec(page)).toBeNull();
    const style = /<style>([\s\S]*?)<\/style>/u.exec(page)?.[1] ?? "";
    const hash = createHash("sha256").update(style).digest("base64");
    expectHolds(page, `content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`);
  });

  test("opens and closes every element in order", () => {
    for (const drill of [passedDrill, failedDrill, slowDrill, failoverDrill, lossyDrill, unpreparedDrill, hostileDrill])
      expect(unbalanced(report(drill()))).toEqual([]);
  });

  test("shows hostile text as text, and what turns the writing by name", () => {
    const page = report(hostileDrill());
    expectHolds(page, "&lt;script&gt;alert(1)&lt;/script&gt;");
    expectHolds(page, "&lt;U+202E&gt;gnp.exe&lt;U+0000&gt;");
    expect(/(?!\n)\p{Cc}|\u202E/u.exec(page)).toBeNull();
  });

  test("draws the longest of 200 steps and all that failed, and lists every one", () => {
    const page = report(hostileDrill());
    expectHolds(page, "60 of 204 steps are drawn");
    for (const failed of [7, 57, 107, 157]) expectHolds(page, `<code>check-${failed}</code>`);
    expect([...page.matchAll(/✕ check failed/gu)].length).toBeGreaterThanOrEqual(4);
    expect([...page.matchAll(/<code>check-\d+<\/code> &lt;script/gu)].length).toBe(200);
  });

  test("says first what was drilled, how it ended and against which targets", () => {
    const page = report(slowDrill());
    const places = [
      "Restore the orders database",
      "Failed",
      "RTO missed",
      "Recovery time (RTO)",
      "Loss</h2>",
      "Deviations</h2>",
      "Timeline</h2>",
      "Steps</h2>",
    ];
    const at = places.map((place) => page.indexOf(place, page.indexOf("<body>")));
    expect(at.every((index) => index > 0)).toBe(true);
    expect(at).toEqual(at.toSorted((a, b) => a - b));
  });

  test("marks a simulated run where nobody can overlook it", () => {
    expectHolds(report(hostileDrill()), "SIMULATED: nothing was recovered. This is not evidence.");
    expect(report(passedDrill()).includes("SIMULATED")).toBe(false);
  });

  test("has one h1, a header for every column and row, and a sign beside every colour", () => {
    const page = report(passedDrill());
    expect([...page.matchAll(/<h1>/gu)]).toHaveLength(1);
    expect([...page.matchAll(/<tr>/gu)]).toHaveLength([...page.matchAll(/<tr><th scope="(?:row|col)"/gu)].length);
    expect(page.match(/class="badge \w+">(?!<span class="sign")/u)).toBeNull();
  });

  test("never writes over the names of the steps, also where nothing set T0", () => {
    const page = report(unpreparedDrill());
    const [, x = "", anchor = "", width = ""] =
      /<rect class="broken" x="([\d.]+)"[^>]*><title>[^<]*<\/title><\/rect>.*?<text class="label" x="([\d.]+)" y="\d+" text-anchor="(\w+)">✕/u.exec(
        page,
      ) ?? [];
    expect(width).toBe("end");
    // The text ends inside the bar, which is longer than it.
    expect(Number(anchor)).toBeGreaterThan(Number(x) + 200);
  });

  test.each([
    ["passed", passedDrill],
    ["failover", failoverDrill],
  ])("of an unfinished run can be drawn: %s", (_name, drill) => {
    const { plan, journal } = drill();
    const pages = journal.records.map((_record, index) => {
      const records = journal.records.slice(0, index + 1);
      return renderReport(measure(plan, records), plan, records);
    });
    expect(pages.every((page) => unbalanced(page).length === 0 && page.endsWith("</html>\n"))).toBe(true);
  });
});

describe("a failover in the report", () => {
  test("shows the segments, who took over and why, and what keeps the old primary out", () => {
    const page = report(failoverDrill());
    const texts = [
      "Choice of the standby",
      "most advanced of 2: 3.8 KiB before c",
      "connect a.example:5432: ECONNREFUSED",
      "0 of 48,210 acknowledged transactions lost",
      "400 transactions and 25.0 KiB a second",
      "fault/kill",
      "Fail over to b?",
      "go ahead",
      "pg rewind",
    ];
    expect(texts.filter((text) => !page.includes(text))).toEqual([]);
  });

  test("says of a loss how much, from when to when, and where all of it is listed", () => {
    const page = report(lossyDrill());
    const texts = [
      "Acknowledged writes from 2026-11-21 03:00:00.700 to 03:00:01.106 UTC are gone (36 of 48,210, 4 writers).",
      "writer 1: 70 to 87; writer 2: 71 to 88",
      "traffic/lost.jsonl",
      "Compared: <code>lost_acknowledged</code>",
    ];
    expect(texts.filter((text) => !page.includes(text))).toEqual([]);
  });

  test("is left out of a restore, and the restore's parts out of a failover", () => {
    const [restore, failover] = [report(passedDrill()), report(failoverDrill())];
    for (const id of ["failover", "clients", "people"]) {
      expect([id, restore.includes(`id="${id}"`), failover.includes(`id="${id}"`)]).toEqual([id, false, true]);
    }
    for (const id of ["source", "isolation"]) {
      expect([id, restore.includes(`id="${id}"`), failover.includes(`id="${id}"`)]).toEqual([id, true, false]);
    }
  });
});

test("text is escaped for every place of a page, twice where it was escaped before", () => {
  expect(escapeText(`<a href="x" title='y'>&amp;\u2066`)).toBe(
    "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;&lt;U+2066&gt;",
  );
  expect(escapeText("emoji 🔥 and\nline")).toBe("emoji 🔥 and\nline");
  expect(escapeText("half \uD83D")).toBe("half &lt;U+D83D&gt;");
});

test("ticks are round, few, and hold zero", () => {
  expect(niceTicks(-2_000_000, 16_000_000, 8)).toEqual([0, 5_000_000, 10_000_000, 15_000_000]);
  expect(niceTicks(0, 7_200_000_000, 8)).toEqual(
    [0, 900, 1800, 2700, 3600, 4500, 5400, 6300, 7200].map((seconds) => seconds * 1e6),
  );
  expect(niceTicks(0, 1, 8).length).toBeLessThanOrEqual(9);
});

test("marks that stand close share a label", () => {
  const points = [
    { name: "T0", x: 100 },
    { name: "T2", x: 101 },
    { name: "T6", x: 300 },
  ];
  expect(groupMarks(points, 30).map(({ names, lines }) => [names, lines])).toEqual([
    [
      ["T0", "T2"],
      [100, 101],
    ],
    [["T6"], [300]],
  ]);
});

const VOID = new Set(["meta", "br", "!doctype"]);

/** Elements left open, or closed in the wrong place. */
function unbalanced(page: string): readonly string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, slash, name = ""] of page.matchAll(/<(\/?)([a-zA-Z!][a-zA-Z0-9]*)[^>]*>/gu)) {
    const tag = name.toLowerCase();
    if (VOID.has(tag)) continue;
    if (slash === "") open.push(tag);
    else if (open.pop() !== tag) wrong.push(tag);
  }
  return [...wrong, ...open];
}
