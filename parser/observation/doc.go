// Package observation holds what one page says about one match: teams, status, clock, score and
// incidents. Nothing in an [Observation] is inferred or remembered from other pages.
//
// The package also compares names as pages write them: damaged, encoded twice, or as an alias.
package observation
