import { Empty, PageHead } from '../ui/parts.tsx';

export function Runs() {
  return (
    <>
      <PageHead title="Runs" />
      <Empty title="Nothing here yet" />
    </>
  );
}
