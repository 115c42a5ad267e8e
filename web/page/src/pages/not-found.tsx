import { Link } from 'react-router';
import { Empty, PageHead } from '../ui/parts.tsx';

export function NotFound() {
  return (
    <>
      <PageHead title="No such page" />
      <Empty title="There is nothing at this address">
        <Link to="/">Back to the overview</Link>
      </Empty>
    </>
  );
}
