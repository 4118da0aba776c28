/**
 * When the next marker or probe is due: on a grid, so that a rate is kept, and never faster than asked. A slot that was missed
 * is skipped, not made up for; one that would come less than half an interval after the last begin is skipped as well.
 */
export function nextSlot(originUs: number, intervalUs: number, nowUs: number, lastBeginUs: number | null): number {
  const earliest = lastBeginUs === null ? nowUs : Math.max(nowUs, lastBeginUs + intervalUs / 2);
  return originUs + Math.max(0, Math.ceil((earliest - originUs) / intervalUs)) * intervalUs;
}
