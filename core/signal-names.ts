/** Names that activities and workflows share without importing each other. */
export const TRAINING_PROGRESS_SIGNAL = 'trainingProgress';

/** The update by which a person answers a promotion that waits. */
export const APPROVAL_UPDATE = 'approval';
