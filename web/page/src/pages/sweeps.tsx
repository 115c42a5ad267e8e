import { Empty, PageHead } from '../ui/parts.tsx';

export function Sweeps() {
  return (
    <>
      <PageHead title="Sweeps" />
      <Empty title="Nothing here yet" />
    </>
  );
}
