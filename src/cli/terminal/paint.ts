import { styleText } from "node:util";

/** Colours by meaning. */
export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  accent(text: string): string;
  dim(text: string): string;
  bold(text: string): string;
}

export function paintFor(colour: boolean): Paint {
  const style = (format: Parameters<typeof styleText>[0]) => (text: string) =>
    colour && text !== "" ? styleText(format, text, { validateStream: false }) : text;
  return { good: style("green"), bad: style("red"), warn: style("yellow"), accent: style("cyan"), dim: style("dim"), bold: style("bold") };
}
