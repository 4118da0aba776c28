import { type DestinationStream, pino } from "pino";
import type { Log } from "./log.ts";
import { type Redactor, redactingLog } from "./redact.ts";

export type LogLevel = "silent" | "error" | "warn" | "info" | "debug";

/**
 * JSON lines on stderr, or on the stream given. Written at once (no buffer), so that the last line before a crash is there.
 */
export function pinoLog(
  level: LogLevel,
  redactor: Redactor,
  stream: DestinationStream = pino.destination({ dest: 2, sync: true }),
): Log {
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
  return redactingLog(
    {
      debug: (fields, event) => logger.debug(fields, event),
      info: (fields, event) => logger.info(fields, event),
      warn: (fields, event) => logger.warn(fields, event),
      error: (fields, event) => logger.error(fields, event),
    },
    redactor,
  );
}
