import { z } from "zod";
import { MARKS } from "../marks.ts";

/** Integer microseconds. Wall times count from the Unix epoch, UTC; `atUs` counts from the run's first record. */
export const microseconds = z.number().int();

const absent = { reason: z.string().describe("Why there is no number, in one sentence.") };
export const notMeasured = z.object({ status: z.literal("not_measured"), ...absent });
export const notApplicable = z.object({ status: z.literal("not_applicable"), ...absent });

const interval = {
  status: z.literal("measured"),
  valueUs: microseconds,
  loUs: microseconds.describe("The true value is not less than this."),
  hiUs: microseconds.describe("The true value is not more than this; verdicts compare this end."),
  text: z.string().describe("The same for people: `12.41 s ±0.01`."),
};

const durationMeasured = z.object({
  ...interval,
  clockSuspect: z.boolean().describe("True when it spans a boot of the machine and rests on the wall clock."),
});

/** A duration taken from the monotonic clock, as an interval. */
export const durationSchema = z.discriminatedUnion("status", [durationMeasured, notMeasured, notApplicable]);

const markHead = { mark: z.enum(MARKS), meaning: z.string() };
const markMeasured = z.object({
  ...markHead,
  status: z.literal("measured"),
  atUs: microseconds.describe("On the run's own time line, 0 at its first record."),
  wallUs: microseconds,
  monoUs: microseconds.describe("CLOCK_MONOTONIC of the boot it was read in."),
  source: z.string().describe("Which clock said so."),
  resolutionUs: microseconds.describe("The true instant lies in [value - resolution, value]."),
  note: z.string().nullable(),
});

/** One mark of the recovery clock. */
export const markSchema = z.discriminatedUnion("status", [
  markMeasured,
  notMeasured.extend(markHead),
  notApplicable.extend(markHead),
]);

/** How far a loss number can be trusted: compared as measured, or labelled. */
const basis = z.enum(["measured", "estimate"]);

const ageMeasured = z.object({
  ...interval,
  basis,
  source: z.string().describe("Where the number comes from."),
  notes: z.array(z.string()),
});

/** An age at T0: a difference of wall clocks, as an interval. */
export const ageSchema = z.discriminatedUnion("status", [ageMeasured, notMeasured, notApplicable]);

export const clockSchema = z.object({
  suspect: z.boolean().describe("True when the run spans a boot of the machine."),
  bootChanges: z.number().int(),
  bootUncertaintyUs: microseconds.describe("Added on both sides of a duration for each boot it spans."),
  wallJumps: z
    .array(z.object({ seq: z.number().int(), jumpUs: microseconds }))
    .describe("Jumps of this machine's wall clock; they change no duration and widen every age."),
  wallUncertaintyUs: microseconds.describe("Sum of the jumps: added on both sides of an age."),
});

export type Duration = Readonly<z.infer<typeof durationSchema>>;
export type MeasuredDuration = Readonly<z.infer<typeof durationMeasured>>;
export type Mark = Readonly<z.infer<typeof markSchema>>;
export type MeasuredMark = Readonly<z.infer<typeof markMeasured>>;
export type Age = Readonly<z.infer<typeof ageSchema>>;
export type MeasuredAge = Readonly<z.infer<typeof ageMeasured>>;
