import { Empty, PageHead } from '../ui/parts.tsx';

export function TryIt() {
  return (
    <>
      <PageHead title="Try it" />
      <Empty title="Nothing here yet" />
    </>
  );
}
