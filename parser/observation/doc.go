// Package observation holds what one page says of one match: teams, status, clock, score and
// incidents. Nothing in an [Observation] is inferred or remembered from other pages. It also
// compares names as pages write them.
package observation
