package send_test

import (
	"fmt"

	"github.com/matchwire/matchwire/consumers/notify/send"
)

func ExampleClean() {
	fmt.Printf("%q\n", send.Clean("GOAL\x1b[31m! Ann \u202eBea"))
	// Output: "GOAL[31m! Ann Bea"
}

func ExampleCut() {
	fmt.Println(send.Cut("Goal for Lisburn Rovers", 10))
	// Output: Goal for …
}
