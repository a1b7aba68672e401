// Package poll runs the scheduler's tasks. For each task, a [Worker] fetches the page of a source
// and extracts observations from the page with the source's profile. It reconciles each observation
// with the saved state of its match, and saves the new state and the events in one write. The state
// of a source between two polls is stored in Redis, so any worker can run any task.
package poll
