import { Empty, PageHead } from '../ui/parts.tsx';

export function Datasets() {
  return (
    <>
      <PageHead title="Data" />
      <Empty title="Nothing here yet" />
    </>
  );
}
