#!/usr/bin/env node
// The entry of `npx graft`: TypeScript runs as it is, through tsx, from a clone and from an installed package.
import { register } from 'tsx/esm/api';

register();
await import('../cli/main.ts');
