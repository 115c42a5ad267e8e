import { Link } from 'react-router';
import './lineage.css';

export interface LineageNode {
  readonly title: string;
  readonly text: string;
  readonly to?: string;
}

/** What something was made of, from the first to the last. */
export const Lineage = ({ label, nodes }: { readonly label: string; readonly nodes: readonly LineageNode[] }) => (
  <ol className="lineage" aria-label={label}>
    {nodes.map(({ title, text, to }) => (
      <li key={title}>
        <span className="small muted">{title}</span>
        {to === undefined ? <code>{text}</code> : <Link to={to}>{text}</Link>}
      </li>
    ))}
  </ol>
);
