package rabbit_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/event"
)

func ExampleEmit() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	e, err := rabbit.Emit(ctx, os.Getenv("AMQP_URL"), "soccer.mls.goal",
		event.Data{Team: "Toronto FC", Player: "Sebastian Giovinco"}, rabbit.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("confirmed with TID", e.TID)
}
