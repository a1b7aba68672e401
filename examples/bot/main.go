// Bot follows the matches of one team. It writes a line for each goal, correction and retraction, and can also post it:
//
//	go run . -team "Toronto FC" -post https://ntfy.sh/my-topic
//
// After a restart, the bot continues where it stopped. It needs only the address of a matchwire server, and the
// environment variable MATCHWIRE_TOKEN if the server requires a token.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	server := flag.String("server", "http://localhost:8080", "`URL` of the matchwire server")
	team := flag.String("team", "", "`NAME` of the team (required)")
	file := flag.String("file", "goals.txt", "`FILE` for the lines; the bot keeps its cursor beside it")
	post := flag.String("post", "", "`URL` to which each line is posted, such as a topic of ntfy")
	flag.Parse()
	if *team == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *server, *team, *file, *post); err != nil {
		log.Fatal(err)
	}
}

// run follows the stream until ctx ends or the server refuses the connection.
func run(ctx context.Context, server, team, file, post string) error {
	u, err := url.Parse(server)
	if err != nil {
		return err
	}
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	if u.Scheme == "" {
		return fmt.Errorf("server %q: want a URL that begins with http:// or https://", server)
	}
	s := stream{
		url:   u.JoinPath("ws"),
		query: url.Values{"team": {team}, "topics": {"*.*.goal,*.*.goal_corrected,*.*.goal_retracted"}},
		token: os.Getenv("MATCHWIRE_TOKEN"),
	}
	l, err := openList(file, post)
	if err != nil {
		return err
	}
	defer l.out.Close()
	for failures := 0; ; failures++ {
		start := time.Now()
		err := s.follow(ctx, l.cursor, l.handle)
		var closed closedError // zero if err has another type
		errors.As(err, &closed)
		switch {
		case ctx.Err() != nil:
			return nil
		case closed.final:
			return err
		case time.Since(start) > time.Minute:
			failures = 0
		}
		wait := closed.least + pause(failures)
		log.Printf("%v; connecting again in %v", err, wait.Round(time.Millisecond))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// pause returns a pause of up to a second. Each failure doubles this maximum, up to 32 seconds. The pause is random,
// because all clients of a node lose their connections at the same time.
func pause(failures int) time.Duration {
	most := time.Second << min(failures, 5)
	return most/2 + rand.N(most/2)
}
