import { Empty, PageHead } from '../ui/parts.tsx';

export function Evaluation() {
  return (
    <>
      <PageHead title="Evaluation" />
      <Empty title="Nothing here yet" />
    </>
  );
}
