package access_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/matchwire/matchwire/fanout/access"
)

func ExampleOrigins_Allow() {
	origins := access.Origins{"https://*.club.example"}
	for _, origin := range []string{"https://www.club.example", "https://other.example"} {
		r := httptest.NewRequest(http.MethodGet, "https://scores.example/ws", nil)
		r.Header.Set("Origin", origin)
		fmt.Println(origin, origins.Allow(r))
	}
	// Output:
	// https://www.club.example true
	// https://other.example false
}
