import { CircleAlert, Inbox, PlugZap } from 'lucide-react';
import type { ReactNode } from 'react';
import { ApiProblem, isPassing } from '../lib/api.ts';
import { useNow } from '../lib/clock.ts';
import { ago, moment } from '../lib/format.ts';

interface CardProps {
  readonly title: ReactNode;
  readonly actions?: ReactNode;
  /** Without padding: for tables and lists that reach the edges. */
  readonly flush?: boolean;
  readonly children: ReactNode;
}

export function Card({ title, actions, flush = false, children }: CardProps) {
  return (
    <section className="card">
      <header>
        <h2>{title}</h2>
        {actions === undefined ? null : <div className="actions">{actions}</div>}
      </header>
      <div className={flush ? 'body flush' : 'body'}>{children}</div>
    </section>
  );
}

interface HeadProps {
  readonly title: ReactNode;
  readonly status?: ReactNode;
  readonly lead?: ReactNode;
  readonly actions?: ReactNode;
}

/** The top of a page; its first words are also the window's title. */
export function PageHead({ title, status, lead, actions }: HeadProps) {
  return (
    <header className="page-head">
      {typeof title === 'string' ? <title>{`${title} · graft`}</title> : null}
      <h1>{title}</h1>
      {status}
      {actions === undefined ? null : <div className="actions">{actions}</div>}
      {lead === undefined ? null : <div className="lead">{lead}</div>}
    </header>
  );
}

export interface StatFact {
  readonly label: string;
  readonly value: ReactNode;
  readonly note?: ReactNode;
}

export const Stats = ({ facts }: { readonly facts: readonly StatFact[] }) => (
  <dl className="stats">
    {facts.map(({ label, value, note }) => (
      <div key={label}>
        <dt>{label}</dt>
        <dd>
          {value}
          {note === undefined || note === null ? null : <small>{note}</small>}
        </dd>
      </div>
    ))}
  </dl>
);

export const Facts = ({ rows }: { readonly rows: readonly (readonly [string, ReactNode])[] }) => (
  <dl className="facts">
    {rows.map(([name, value]) => (
      <FactRow key={name} name={name} value={value} />
    ))}
  </dl>
);

const FactRow = ({ name, value }: { readonly name: string; readonly value: ReactNode }) => (
  <>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </>
);

export const Empty = ({ title, children }: { readonly title: string; readonly children?: ReactNode }) => (
  <div className="empty">
    <Inbox size={26} aria-hidden />
    <strong>{title}</strong>
    {children === undefined ? null : <p className="small">{children}</p>}
  </div>
);

export const Loading = ({ lines = 4 }: { readonly lines?: number }) => (
  <div className="stack" role="status" aria-label="Loading">
    {Array.from({ length: lines }, (_, line) => (
      <div key={line} className="skeleton" />
    ))}
  </div>
);

/** What went wrong, in the server's words, which say what to do. */
export function Problem({ error }: { readonly error: unknown }) {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof ApiProblem ? error.code : '';
  const Icon = isPassing(error) ? PlugZap : CircleAlert;
  return (
    <div className={isPassing(error) ? 'note wait' : 'note bad'} role="alert">
      <Icon size={18} aria-hidden />
      <div className="break">
        <strong>{isPassing(error) ? 'Away for the moment' : 'That did not work'}</strong>
        <p>{message}</p>
        {code === '' ? null : <p className="muted small mono">{code}</p>}
      </div>
    </div>
  );
}

interface Answer<T> {
  readonly data: T | undefined;
  readonly error: unknown;
}

/** An answer's three states; what was known stays to be seen while the server is away. */
export function Answered<T>({ of, children }: { readonly of: Answer<T>; readonly children: (data: T) => ReactNode }) {
  if (of.data !== undefined) return children(of.data);
  return of.error === null ? <Loading /> : <Problem error={of.error} />;
}

export function When({ at }: { readonly at: string | null | undefined }) {
  const now = useNow();
  if (at === null || at === undefined) return <>–</>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={moment(date)}>
      {ago(date, now)}
    </time>
  );
}

/** A share as a bar; the figure stands beside it in words. */
export const Meter = ({ share, label }: { readonly share: number; readonly label: string }) => (
  <span className="meter" role="img" aria-label={label}>
    <span style={{ width: `${String(Math.max(0, Math.min(1, share)) * 100)}%` }} />
  </span>
);
