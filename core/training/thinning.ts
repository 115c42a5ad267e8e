/**
 * When to tell the workflow of progress: every message is a few events of a history that must stay below 500 however
 * long the run is. So the pause grows with the run: never less than `minimumMs`, and then 15 % of the time gone by.
 * A month (2.6·10^9 ms) at 10 s takes 7 + ln(2.6·10^9/6.7·10^4)/ln 1.15 ≈ 83 messages, 4 events each.
 */
export function progressIsDue(nowMs: number, startedMs: number, lastMs: number, minimumMs = 10_000): boolean {
  return nowMs - lastMs >= Math.max(minimumMs, 0.15 * (nowMs - startedMs));
}
