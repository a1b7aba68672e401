// Package poll does the scheduler's tasks. For each task a [Worker] fetches the page of a source
// and extracts observations by the source's profile. It reconciles them with the saved states of
// their matches, and saves states and events in one write. The state of a source between two polls
// is in Redis, so any worker can do any task.
package poll
