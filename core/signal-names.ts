/** Names that activities and workflows share without importing each other. */
export const TRAINING_PROGRESS_SIGNAL = 'trainingProgress';
