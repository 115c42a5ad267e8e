import type { Calibration } from '../../../../contracts/web.ts';
import { count, percent } from '../lib/format.ts';
import './reliability.css';

const SIDE = 240;
const PAD = 30;

/** How often the model is right when it says it is so sure: on the diagonal where it means what it says. */
export function Reliability({ calibration }: { readonly calibration: Calibration }) {
  const { bins, error } = calibration;
  const at = (value: number): number => PAD + value * (SIDE - PAD);
  const most = Math.max(1, ...bins.map((bin) => bin.count));
  return (
    <figure className="reliability">
      <svg
        viewBox={`0 0 ${String(SIDE + 8)} ${String(SIDE + 8)}`}
        role="img"
        aria-label={`Calibration: expected error ${percent(error)}. ${bins
          .filter((bin) => bin.count > 0)
          .map((bin) => `said ${percent(bin.confidence, 0)}, right ${percent(bin.accuracy, 0)} of ${count(bin.count)}`)
          .join('; ')}`}
      >
        <line x1={PAD} y1={SIDE - PAD} x2={SIDE} y2={0} className="diagonal" />
        {bins.map(({ from, to, accuracy, confidence, count: images }) =>
          images === 0 ? null : (
            <rect
              key={from}
              x={at(from) + 1}
              width={Math.max(1, (to - from) * (SIDE - PAD) - 2)}
              y={(1 - accuracy) * (SIDE - PAD)}
              height={accuracy * (SIDE - PAD)}
              opacity={0.35 + 0.65 * Math.sqrt(images / most)}
            >
              <title>{`said ${percent(confidence)}, right ${percent(accuracy)}, ${count(images)} images`}</title>
            </rect>
          ),
        )}
        <line x1={PAD} y1={SIDE - PAD} x2={SIDE} y2={SIDE - PAD} className="axis" />
        <line x1={PAD} y1={0} x2={PAD} y2={SIDE - PAD} className="axis" />
        {[0, 0.5, 1].map((tick) => (
          <g key={tick}>
            <text x={at(tick)} y={SIDE - PAD + 14} textAnchor={tick === 1 ? 'end' : 'middle'}>
              {tick * 100}
            </text>
            <text x={PAD - 5} y={(1 - tick) * (SIDE - PAD) + (tick === 1 ? 8 : 4)} textAnchor="end">
              {tick * 100}
            </text>
          </g>
        ))}
        <text x={(SIDE + PAD) / 2} y={SIDE + 2} textAnchor="middle">
          how sure it says it is, %
        </text>
      </svg>
      <figcaption className="small muted">
        Bars: how often it is right, %. Expected calibration error {percent(error)}.
      </figcaption>
    </figure>
  );
}
