import type { Ledger } from "./ledger.ts";
import type { Row } from "./connection.ts";
import { payloadOf } from "./payload.ts";

/** Puts one row of the table (`writer, seq, sent_us, payload`) beside its marker; false: nobody sent it. */
export function matchRow(ledger: Ledger, id: string, payloadBytes: number, row: Row): boolean {
  const [writer, seq, sentUs, payload] = row;
  const markers = ledger.markers[Number(writer)];
  const number = Number(seq);
  if (markers === undefined || !Number.isSafeInteger(number) || !markers.has(number)) return false;
  const sent = ledger.wall.at(markers.sentUs(number - markers.first));
  const same = Number(sentUs) === sent.wallUs && payload === payloadOf(id, markers.writer, number, payloadBytes);
  markers.found(number, !same);
  return true;
}
