// Package assign assigns rows to columns at the lowest cost.
package assign

import "math"

// Cheapest assigns a column to each row so that the sum of the costs is minimal. Each column is used
// at most once. There must be at least as many columns as rows. Cheapest returns the column of each row,
// counted from 0.
//
// Cheapest uses the Hungarian algorithm: it adds the rows one by one, and reassigns the earlier rows
// along the cheapest path. It takes time proportional to rows² × columns.
func Cheapest(costs [][]int) []int {
	if len(costs) == 0 {
		return nil
	}
	n, m := len(costs), len(costs[0])
	// Rows and columns are numbered from 1. Column 0 represents the row that is being added.
	rowPrice, columnPrice := make([]int, n+1), make([]int, m+1)
	rowOf, previous := make([]int, m+1), make([]int, m+1)
	for row := 1; row <= n; row++ {
		rowOf[0] = row
		at := 0
		slack, visited := make([]int, m+1), make([]bool, m+1)
		for j := range slack {
			slack[j] = math.MaxInt
		}
		for rowOf[at] != 0 {
			visited[at] = true
			current, least, next := rowOf[at], math.MaxInt, 0
			for j := 1; j <= m; j++ {
				if visited[j] {
					continue
				}
				if reduced := costs[current-1][j-1] - rowPrice[current] - columnPrice[j]; reduced < slack[j] {
					slack[j], previous[j] = reduced, at
				}
				if slack[j] < least {
					least, next = slack[j], j
				}
			}
			for j := range slack {
				if visited[j] {
					rowPrice[rowOf[j]] += least
					columnPrice[j] -= least
				} else {
					slack[j] -= least
				}
			}
			at = next
		}
		for at != 0 {
			rowOf[at] = rowOf[previous[at]]
			at = previous[at]
		}
	}
	columns := make([]int, n)
	for j := 1; j <= m; j++ {
		if rowOf[j] != 0 {
			columns[rowOf[j]-1] = j - 1
		}
	}
	return columns
}
