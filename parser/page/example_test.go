package page_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing/fstest"
	"time"

	"github.com/matchwire/matchwire/parser/page"
)

func ExampleFetcher_Fetch() {
	site := httptest.NewServer(http.FileServerFS(fstest.MapFS{
		"live.html": {Data: []byte("<h1>Toronto FC 1 : 0 Seattle Sounders FC</h1>"), ModTime: time.Unix(1e9, 0)},
	}))
	defer site.Close()
	// The policy is needed because the site is on this machine.
	client := page.NewClient(page.Options{PerHost: time.Millisecond, Policy: page.Policy{Private: true}})
	f, err := client.Fetcher(site.URL + "/live.html")
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		p, err := f.Fetch(context.Background())
		switch {
		case errors.Is(err, page.ErrUnchanged):
			fmt.Println("unchanged")
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println(string(p.Body))
		}
	}
	// Output:
	// <h1>Toronto FC 1 : 0 Seattle Sounders FC</h1>
	// unchanged
}
