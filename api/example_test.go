package api_test

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/matchwire/matchwire/api"
)

func Example() {
	data, err := fs.ReadFile(api.Contracts, "openapi.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	var document struct{ OpenAPI string }
	if err := json.Unmarshal(data, &document); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("OpenAPI", document.OpenAPI)
	// Output: OpenAPI 3.1.0
}
