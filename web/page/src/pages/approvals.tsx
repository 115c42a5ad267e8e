import { Empty, PageHead } from '../ui/parts.tsx';

export function Approvals() {
  return (
    <>
      <PageHead title="Approvals" />
      <Empty title="Nothing here yet" />
    </>
  );
}
