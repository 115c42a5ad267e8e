import {
  Activity,
  Boxes,
  CalendarClock,
  ChartSpline,
  Database,
  FlaskConical,
  Gauge,
  Hourglass,
  ImageUp,
  Menu,
  PlugZap,
  Recycle,
} from 'lucide-react';
import type { LucideIcon } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { NavLink, useLocation } from 'react-router';
import { ApiProblem } from './lib/api.ts';
import { useAway } from './lib/away.ts';
import { useSession } from './lib/session.ts';
import { useThemeWish, wishTheme } from './lib/theme.ts';
import type { ThemeWish } from './lib/theme.ts';
import { Card, Empty } from './ui/parts.tsx';
import { Toasts } from './ui/toasts.tsx';

const places: readonly (readonly [path: string, name: string, icon: LucideIcon])[] = [
  ['/', 'Overview', Gauge],
  ['/runs', 'Runs', Activity],
  ['/approvals', 'Approvals', Hourglass],
  ['/data', 'Data', Database],
  ['/sweeps', 'Sweeps', FlaskConical],
  ['/models', 'Models', Boxes],
  ['/schedules', 'Schedules', CalendarClock],
  ['/try', 'Try it', ImageUp],
  ['/lr-finder', 'LR finder', ChartSpline],
  ['/cache', 'Cache', Recycle],
];

/** What stands around every page. */
export function Frame({ children }: { readonly children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const { pathname } = useLocation();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    window.scrollTo(0, 0);
    // Whoever reads by ear is told of the new page from its top; not at the first one, where the browser does so.
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [pathname]);
  return (
    <div className="frame">
      <a className="skip" href="#main">
        Go to the content
      </a>
      <div className={open ? 'side open' : 'side'}>
        <NavLink to="/" className="brand">
          <img src="/icon.svg" alt="" />
          graft
        </NavLink>
        <button
          type="button"
          className="menu-button icon"
          aria-expanded={open}
          aria-label="Menu"
          onClick={() => {
            setOpen(!open);
          }}
        >
          <Menu size={18} aria-hidden />
        </button>
        <PageNav
          onGo={() => {
            setOpen(false);
          }}
        />
        <SideFoot />
      </div>
      <div>
        <AwayBar />
        <main id="main" ref={main} className="main" tabIndex={-1}>
          <SignedIn>{children}</SignedIn>
        </main>
      </div>
      <Toasts />
    </div>
  );
}

const PageNav = ({ onGo }: { readonly onGo: () => void }) => (
  <nav className="nav" aria-label="Pages">
    <ul>
      {places.map(([path, name, Icon]) => (
        <li key={path}>
          <NavLink to={path} end={path === '/'} onClick={onGo}>
            <Icon size={17} aria-hidden />
            {name}
          </NavLink>
        </li>
      ))}
    </ul>
  </nav>
);

/** Nobody is signed in, or the session has run out: said once, in place of a page full of refusals. */
function SignedIn({ children }: { readonly children: ReactNode }) {
  const { error } = useSession();
  if (!(error instanceof ApiProblem && error.status === 401)) return children;
  const title = error.code.startsWith('SIGN_IN') ? 'You are not signed in, or your session has run out' : error.code;
  return (
    <Card title="Sign in">
      {error.code === 'SIGN_IN_AT' ? (
        <Empty title={title}>
          <a className="button" href="/auth/sign-in">
            Sign in
          </a>
        </Empty>
      ) : (
        <Empty title={title}>
          Open the address that <code>graft up</code> shows: it carries the token, once. This page goes on by itself
          after that, in this browser.
        </Empty>
      )}
    </Card>
  );
}

function SideFoot() {
  const session = useSession();
  const wish = useThemeWish();
  const themes: readonly (readonly [ThemeWish, string])[] = [
    ['system', 'As the system'],
    ['light', 'Light'],
    ['dark', 'Dark'],
  ];
  return (
    <div className="side-foot">
      <label className="field block">
        Appearance
        <select
          value={wish}
          onChange={(event) => {
            const chosen = themes.find(([value]) => value === event.target.value);
            if (chosen) wishTheme(chosen[0]);
          }}
        >
          {themes.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {session.data === undefined ? null : (
        <p className="small muted break">
          {session.data.user}, {session.data.role} · graft {session.data.graftVersion}
        </p>
      )}
    </div>
  );
}

/** Says that the server, or what is behind it, is away; goes by itself. */
function AwayBar() {
  const away = useAway();
  return (
    <div aria-live="polite">
      {away === null ? null : (
        <div className="away">
          <PlugZap size={18} aria-hidden />
          <span className="break">{away} What is shown may be old; it goes on by itself.</span>
        </div>
      )}
    </div>
  );
}
