/**
 * Proves of a plan's charts what nobody should have to hope for: see `Rule`. Works on the edge tables the charts are
 * built from, state by state; cost is that of the charts, whatever the number of steps.
 */
import type { Plan } from "../drills/plan.ts";
import { FiredrillError } from "../support/errors.ts";
import { compilePlan } from "./compile-plan.ts";
import { type Demands, DISRUPTIVE_STEP_DEMANDS, DRILL_DEMANDS, STEP_DEMANDS } from "./demands.ts";
import { type ChartTable, type Edge, edgeLabel } from "./edges.ts";
import { type Finding, formatFinding, type Rule } from "./finding.ts";
import { type Path, shortestPaths, shortestRound } from "./paths.ts";

export { type Finding, formatFinding } from "./finding.ts";

/** All findings about the plan's charts; none when they are sound. Throws `MACHINE_PLAN` as `compilePlan` does. */
export function analysePlan(plan: Plan): readonly Finding[] {
  const { drill, charts, steps } = compilePlan(plan);
  const unguarded = plan.steps.filter(
    (step) => step.effect === "disruptive" && !steps.get(step.id)?.chart.shape.disruptive,
  );
  return [
    ...analyseChart(drill.table, DRILL_DEMANDS),
    ...[...charts.values()].flatMap(({ shape, table }) =>
      analyseChart(table, shape.disruptive ? DISRUPTIVE_STEP_DEMANDS : STEP_DEMANDS),
    ),
    ...unguarded.map((step) =>
      finding(`step ${step.id}`, "gate", "running", "it is disruptive and its chart has no guard"),
    ),
  ];
}

/** Throws `MACHINE_UNSOUND` with every finding. */
export function requireSound(plan: Plan): void {
  const findings = analysePlan(plan);
  if (findings.length === 0) return;
  throw new FiredrillError("MACHINE_UNSOUND", findings.map((each) => formatFinding(each)).join("\n"), {
    hint: "This is a fault of Firedrill, not of the playbook: please report it with the output of `firedrill graph`.",
  });
}

/** All findings about one chart. Where it is not closed nothing else is looked at. */
export function analyseChart(table: ChartTable, demands: Demands): readonly Finding[] {
  const open = findOpen(table);
  if (open.length > 0) return open;
  return [
    ...findUnreachable(table),
    ...findEndless(table, demands),
    ...findUnhurried(table, demands),
    ...findWaysAround(table, demands),
    ...findMissingOrders(table, demands),
  ];
}

function findOpen(table: ChartTable): readonly Finding[] {
  const finals = new Map(table.states.map((row) => [row.name, row.final]));
  const say = (edge: Edge, what: string): Finding =>
    finding(table.name, "closed", edge.from, `${edgeLabel(edge)}: ${what}`, [edge]);
  const strays = table.edges.flatMap((edge) => {
    if (!finals.has(edge.from)) return [say(edge, `there is no state ${edge.from}`)];
    if (!finals.has(edge.to)) return [say(edge, `there is no state ${edge.to}`)];
    if (finals.get(edge.from) === true) return [say(edge, `${edge.from} is an end`)];
    return isHidden(table, edge) ? [say(edge, "an earlier edge is always taken before it")] : [];
  });
  if (finals.has(table.initial)) return strays;
  return [...strays, finding(table.name, "closed", table.initial, `there is no state ${table.initial} to begin in`)];
}

/** An unconditional edge for the same event stands before it. */
function isHidden(table: ChartTable, edge: Edge): boolean {
  const first = table.edges.find(
    ({ from, event, when }) => from === edge.from && event === edge.event && when === undefined,
  );
  return first !== undefined && table.edges.indexOf(first) < table.edges.indexOf(edge);
}

function findUnreachable(table: ChartTable): readonly Finding[] {
  const reached = shortestPaths(table, table.initial);
  return table.states
    .filter(({ name }) => !reached.has(name))
    .map(({ name }) => finding(table.name, "reachable", name, `nothing leads to ${name}`));
}

function findEndless(table: ChartTable, demands: Demands): readonly Finding[] {
  const begin = shortestPaths(table, table.initial);
  return demands.ends.flatMap(({ anyOf, behind }) =>
    table.states
      .filter(({ name }) => !behind.includes(name) && !reachesAny(table, name, anyOf))
      .map(({ name }) =>
        finding(table.name, "ends", name, `from ${name} there is no way to ${anyOf.join(" or ")}`, begin.get(name)),
      ),
  );
}

function reachesAny(
  table: ChartTable,
  from: string,
  targets: readonly string[],
  along?: (edge: Edge) => boolean,
): boolean {
  const reached = shortestPaths(table, from, along === undefined ? {} : { along });
  return targets.some((target) => reached.has(target));
}

/** Each wait has a deadline of its own, and deadlines alone carry the chart from there to an end. */
function findUnhurried(table: ChartTable, demands: Demands): readonly Finding[] {
  const begin = shortestPaths(table, table.initial);
  const finals = table.states.filter((row) => row.final).map((row) => row.name);
  const byDeadline = (edge: Edge): boolean => edge.to !== edge.from && isArmed(table, edge, demands);
  return table.states
    .filter(({ name, final }) => !final && !Object.hasOwn(demands.unhurried, name))
    .filter(({ name }) => !reachesAny(table, name, finals, byDeadline))
    .map(({ name }) => {
      const own = table.edges.some((edge) => edge.from === name && byDeadline(edge));
      const what = own ? `deadlines alone do not lead from ${name} to an end` : `no deadline ends the wait in ${name}`;
      return finding(table.name, "deadline", name, what, begin.get(name));
    });
}

function isArmed(table: ChartTable, edge: Edge, demands: Demands): boolean {
  if (!Object.hasOwn(demands.deadlines, edge.event)) return false;
  const arming = demands.deadlines[edge.event];
  if (arming?.by === "order") return ordersOf(table, edge.from).includes(arming.order);
  if (arming?.by === "record") return entriesOf(table, edge.from).every(({ event }) => event === arming.event);
  return arming?.by === "drill";
}

function ordersOf(table: ChartTable, state: string): readonly string[] {
  return table.states.find(({ name }) => name === state)?.orders ?? [];
}

function entriesOf(table: ChartTable, state: string): readonly Edge[] {
  return table.edges.filter(({ from, to }) => to === state && from !== state);
}

function findWaysAround(table: ChartTable, demands: Demands): readonly Finding[] {
  return demands.gates.flatMap(({ to, through, again }) => {
    const around = shortestPaths(table, table.initial, { without: through }).get(to);
    const back = again ? shortestRound(table, to, { without: through }) : undefined;
    return [
      ...(around === undefined
        ? []
        : [finding(table.name, "gate", to, `${to} can be reached without ${through}`, around)]),
      ...(back === undefined
        ? []
        : [finding(table.name, "gate", to, `${to} can be reached again without ${through}`, back)]),
    ];
  });
}

function findMissingOrders(table: ChartTable, demands: Demands): readonly Finding[] {
  const begin = shortestPaths(table, table.initial);
  return demands.relays
    .filter(({ state }) => table.states.some(({ name }) => name === state))
    .filter(({ state, event, order }) => !givesOrder(table, state, event, order))
    .map(({ state, event, order }) => {
      const where = event === null ? `entering ${state}` : `${event} in ${state}`;
      return finding(table.name, "order", state, `${where} does not order ${order}`, begin.get(state));
    });
}

function givesOrder(table: ChartTable, state: string, event: string | null, order: string): boolean {
  if (event === null) return ordersOf(table, state).includes(order);
  const edges = table.edges.filter((edge) => edge.from === state && edge.event === event);
  return edges.length > 0 && edges.every((edge) => edge.order === order);
}

function finding(chart: string, rule: Rule, state: string, message: string, path: Path = []): Finding {
  return { chart, rule, state, message, path };
}
