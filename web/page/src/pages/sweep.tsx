import { Empty, PageHead } from '../ui/parts.tsx';

export function Sweep() {
  return (
    <>
      <PageHead title="Sweep" />
      <Empty title="Nothing here yet" />
    </>
  );
}
