import { CircleAlert, Info } from 'lucide-react';
import type { Finding, GateRule } from '../../../../contracts/manifests.ts';
import { Status } from './status.tsx';

/** What the gate asked and what it found, in its own words. */
export const Rules = ({ rules }: { readonly rules: readonly GateRule[] }) => (
  <ul className="lines">
    {rules.map(({ rule, passed, explanation }) => (
      <li key={rule}>
        <Status state={passed ? 'passed' : 'refused'} />
        <strong>{rule}</strong>
        <span className="muted break">{explanation}</span>
      </li>
    ))}
  </ul>
);

export const Findings = ({ findings }: { readonly findings: readonly Finding[] }) => (
  <ul className="lines">
    {findings.map(({ level, code, message }) => (
      <li key={`${code} ${message}`}>
        {level === 'warning' ? (
          <CircleAlert size={16} color="var(--wait)" aria-label="Warning" />
        ) : (
          <Info size={16} color="var(--info)" aria-label="For information" />
        )}
        <span className="break finding">{message}</span>
        <code className="muted end">{code}</code>
      </li>
    ))}
  </ul>
);
