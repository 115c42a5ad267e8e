import type { ReactNode } from 'react';

/** What may be wider or longer than its place: the arrow keys must reach it too. */
export const Scroll = ({ label, children }: { readonly label: string; readonly children: ReactNode }) => (
  <div className="scroll" role="region" aria-label={label} tabIndex={0}>
    {children}
  </div>
);
