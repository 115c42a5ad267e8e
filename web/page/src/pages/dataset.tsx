import { Empty, PageHead } from '../ui/parts.tsx';

export function Dataset() {
  return (
    <>
      <PageHead title="Data" />
      <Empty title="Nothing here yet" />
    </>
  );
}
