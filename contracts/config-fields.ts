import { z } from 'zod';

/** Fields that several parts of graft.yaml share. */
export const slug = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'lower-case letters, digits and inner dashes, at most 63 characters');
export const share = z.number().min(0).max(1);
export const positiveInt = z.int().positive();
