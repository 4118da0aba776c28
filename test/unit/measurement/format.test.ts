import { expect, test } from "vitest";
import { formatBytes, formatDurationUs, formatInterval, formatWallUs } from "../../../src/support/format.ts";

test.each([
  [0, "0 s"],
  [850, "850 µs"],
  [1240, "1.24 ms"],
  [12_400, "12.4 ms"],
  [999_960, "1.00 s"],
  [12_414_000, "12.41 s"],
  [59_999_000, "1 m"],
  [60_000_000, "1 m"],
  [192_400_000, "3 m 12.4 s"],
  [900_000_000, "15 m"],
  [3_792_000_000, "1 h 3 m 12 s"],
  [7_200_000_000, "2 h"],
  [183_840_000_000, "2 d 3 h"],
  [-12_410_000, "-12.41 s"],
])("a duration of %i µs reads %s", (us, text) => {
  expect(formatDurationUs(us)).toBe(text);
});

test.each([
  [{ valueUs: 12_414_000, loUs: 12_404_000, hiUs: 12_424_000 }, "12.41 s ±0.01"],
  [{ valueUs: 12_414_000, loUs: 12_404_000, hiUs: 12_414_000 }, "12.41 s ±0.01"],
  [{ valueUs: 192_400_000, loUs: 192_300_000, hiUs: 192_400_000 }, "3 m 12.4 s ±0.10 s"],
  [{ valueUs: 412_000, loUs: 402_000, hiUs: 412_000 }, "412.0 ms ±10 ms"],
  [{ valueUs: 5_200_000, loUs: 4_200_000, hiUs: 5_200_000 }, "4.20 s to 5.20 s"],
  [{ valueUs: 5_200_000, loUs: 3_200_000, hiUs: 7_200_000 }, "5.20 s ±2.0"],
  [{ valueUs: 5_200_000, loUs: 5_200_000, hiUs: 5_200_000 }, "5.20 s"],
])("the interval %o reads %s", (interval, text) => {
  expect(formatInterval(interval)).toBe(text);
});

test("an uncertainty is never printed smaller than it is", () => {
  expect(formatInterval({ valueUs: 12_000_000, loUs: 11_988_900, hiUs: 12_000_000 })).toBe("12.00 s ±0.02");
});

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1536, "1.5 KiB"],
  [523_000_000, "499 MiB"],
  [1_073_741_824, "1.0 GiB"],
])("%i bytes read %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("a wall time is printed in UTC with its microseconds when asked for", () => {
  const wallUs = Date.UTC(2026, 10, 21, 3, 0, 0) * 1000 + 123_456;
  expect(formatWallUs(wallUs)).toBe("2026-11-21 03:00:00.123 UTC");
  expect(formatWallUs(wallUs, 6)).toBe("2026-11-21 03:00:00.123456 UTC");
  expect(formatWallUs(1e20)).toBe("no valid date");
});
