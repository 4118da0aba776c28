/**
 * A chart as a table: its states and one row per edge, each with a sentence for people. The XState machines, the
 * analysis, the pictures and `docs/machines.md` are all made from these rows, so that none can say something else.
 */
export interface ChartTable<V extends Vocabulary = Vocabulary> {
  readonly name: string;
  readonly initial: V["state"];
  readonly states: readonly StateRow<V>[];
  readonly edges: readonly Edge<V>[];
}

/** The words a chart may use. */
export interface Vocabulary {
  readonly state: string;
  /** A `ChartEvent` (lower case, dotted) or a signal between charts (upper case). */
  readonly event: string;
  /** What a chart tells the run to do; given as data, never executed. */
  readonly order: string;
  /** What a chart remembers on the way. */
  readonly note: string;
  readonly condition: string;
}

export interface StateRow<V extends Vocabulary = Vocabulary> {
  readonly name: V["state"];
  readonly sentence: string;
  /** Orders given each time the state is entered, in this order; not on an edge that stays. */
  readonly orders: readonly V["order"][];
  readonly final: boolean;
}

/** Where several edges share `from` and `event`, the first whose condition holds is taken. */
export interface Edge<V extends Vocabulary = Vocabulary> {
  readonly from: V["state"];
  readonly event: V["event"];
  readonly when?: Condition<V["condition"]>;
  /** The same as `from`: the chart stays, and the state's orders are not given again. */
  readonly to: V["state"];
  readonly sentence: string;
  readonly note?: V["note"];
  /** An order given by the edge itself. */
  readonly order?: V["order"];
}

export interface Condition<C extends string = string> {
  readonly name: C;
  readonly words: string;
}

/** `from --event [condition]--> to`. */
export function edgeLabel(edge: Edge): string {
  const condition = edge.when === undefined ? "" : ` [${edge.when.words}]`;
  return `${edge.from} --${edge.event}${condition}--> ${edge.to}`;
}
