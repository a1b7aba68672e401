// Package poll reads pages for the scheduler. A [Worker] does its tasks: it fetches the page of a
// source, has it read by the source's profile, reconciles what it says, and saves state and events
// in one write. What is known of a source between two polls is kept in Redis, so any worker can do
// any task.
package poll
