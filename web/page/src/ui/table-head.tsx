interface HeadProps {
  /** Words start with `#` where figures stand below, with `!` where only those who don't see need it. */
  readonly columns: readonly string[];
}

export const TableHead = ({ columns }: HeadProps) => (
  <thead>
    <tr>
      {columns.map((column) => (
        <th key={column} scope="col" className={column.startsWith('#') ? 'num' : undefined}>
          {column.startsWith('!') ? <span className="unseen">{column.slice(1)}</span> : column.replace(/^#/, '')}
        </th>
      ))}
    </tr>
  </thead>
);
