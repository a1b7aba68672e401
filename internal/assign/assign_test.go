package assign

import (
	"math/rand/v2"
	"testing"
)

// Cheapest finds an assignment with the minimum sum of costs, and uses each column at most once.
func TestCheapest(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		n := 1 + rnd.IntN(4)
		m := n + rnd.IntN(3)
		costs := make([][]int, n)
		for i := range costs {
			costs[i] = make([]int, m)
			for j := range costs[i] {
				costs[i][j] = rnd.IntN(20)
			}
		}
		used, sum := map[int]bool{}, 0
		for i, j := range Cheapest(costs) {
			if used[j] {
				t.Fatalf("column %d of %v is used twice", j, costs)
			}
			used[j] = true
			sum += costs[i][j]
		}
		if want := leastCost(costs, map[int]bool{}); sum != want {
			t.Fatalf("the cost of %v is %d, want %d", costs, sum, want)
		}
	}
}

// leastCost returns the minimum cost over all assignments of the rows to unused columns.
func leastCost(costs [][]int, used map[int]bool) int {
	if len(costs) == 0 {
		return 0
	}
	least := 1 << 30
	for j, cost := range costs[0] {
		if !used[j] {
			used[j] = true
			least = min(least, cost+leastCost(costs[1:], used))
			used[j] = false
		}
	}
	return least
}
