import { QueryClientProvider } from '@tanstack/react-query';
import { Suspense, lazy } from 'react';
import type { ComponentType } from 'react';
import { BrowserRouter, Route, Routes } from 'react-router';
import { Frame } from './frame.tsx';
import { queryClient } from './lib/queries.ts';
import { Overview } from './pages/overview.tsx';
import { Loading } from './ui/parts.tsx';
import { NotFound } from './pages/not-found.tsx';

/** A page that is loaded when it is first gone to. */
function page<Name extends string>(load: () => Promise<Readonly<Record<Name, ComponentType>>>, name: Name) {
  return lazy(async () => ({ default: (await load())[name] }));
}

const Runs = page(() => import('./pages/runs.tsx'), 'Runs');
const Run = page(() => import('./pages/run.tsx'), 'Run');
const Datasets = page(() => import('./pages/datasets.tsx'), 'Datasets');
const Dataset = page(() => import('./pages/dataset.tsx'), 'Dataset');
const Evaluation = page(() => import('./pages/evaluation.tsx'), 'Evaluation');
const Sweeps = page(() => import('./pages/sweeps.tsx'), 'Sweeps');
const Sweep = page(() => import('./pages/sweep.tsx'), 'Sweep');
const Models = page(() => import('./pages/models.tsx'), 'Models');
const Model = page(() => import('./pages/model.tsx'), 'Model');
const Schedules = page(() => import('./pages/schedules.tsx'), 'Schedules');
const Approvals = page(() => import('./pages/approvals.tsx'), 'Approvals');
const TryIt = page(() => import('./pages/try-it.tsx'), 'TryIt');
const LrFinder = page(() => import('./pages/lr-finder.tsx'), 'LrFinder');
const Cache = page(() => import('./pages/cache.tsx'), 'Cache');

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <BrowserRouter>
        <Frame>
          <Suspense fallback={<Loading lines={6} />}>
            <Routes>
              <Route path="/" element={<Overview />} />
              <Route path="/runs" element={<Runs />} />
              <Route path="/runs/:runId" element={<Run />} />
              <Route path="/runs/:runId/evaluation" element={<Evaluation />} />
              <Route path="/runs/:runId/cache" element={<Cache />} />
              <Route path="/data" element={<Datasets />} />
              <Route path="/data/:name" element={<Dataset />} />
              <Route path="/data/:name/:version" element={<Dataset />} />
              <Route path="/sweeps" element={<Sweeps />} />
              <Route path="/sweeps/:sweepId" element={<Sweep />} />
              <Route path="/models" element={<Models />} />
              <Route path="/models/:name" element={<Model />} />
              <Route path="/schedules" element={<Schedules />} />
              <Route path="/approvals" element={<Approvals />} />
              <Route path="/try" element={<TryIt />} />
              <Route path="/lr-finder" element={<LrFinder />} />
              <Route path="/cache" element={<Cache />} />
              <Route path="*" element={<NotFound />} />
            </Routes>
          </Suspense>
        </Frame>
      </BrowserRouter>
    </QueryClientProvider>
  );
}
