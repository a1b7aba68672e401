package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
)

// Command returns the command matchwire notify.
func Command(open func() (consumers.Host, error)) *cobra.Command {
	cmd := &cobra.Command{Use: "notify", Short: "Test notifications and create keys for Web Push."}
	cmd.AddCommand(keysCommand(), tryCommand(open), previewCommand(open))
	return cmd
}

func keysCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keys [FILE]",
		Short: "Create the VAPID keys for a Web Push channel. Do this once.",
		Long:  "Arguments:\n  FILE  File to create (default: vapid.json). It must not exist.",
		RunE: func(cmd *cobra.Command, args []string) error {
			k := MakeKeys{File: "vapid.json"}
			if len(args) > 0 {
				k.File = args[0]
			}
			return k.Run(cmd.OutOrStdout())
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
	}
}

func tryCommand(open func() (consumers.Host, error)) *cobra.Command {
	var t Try
	cmd := &cobra.Command{
		Use:   "try CHANNEL",
		Short: "Send a sample goal, marked as a test, to a channel.",
		Long:  "Arguments:\n  CHANNEL  Name of a channel in the config",
		RunE: func(cmd *cobra.Command, args []string) error {
			t.Channel = args[0]
			h, err := open()
			if err != nil {
				return err
			}
			return t.Run(cmd.Context(), h, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&t.Language, "language", "",
		"Language `CODE` of the text (default: the language of the channel's first rule).")
	return cmd
}

// MakeKeys is the command that creates the key file of a Web Push channel.
type MakeKeys struct {
	File string // must not exist
}

// Run creates the file, readable only by its owner, and prints the public key.
func (m *MakeKeys) Run(out io.Writer) error {
	keys, err := send.NewKeys()
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(keys, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(m.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s already exists, and browsers may have subscribed with its keys: want the name of a new file",
			m.File)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err := cmp.Or(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, keys.Public)
	return err
}

// Try is the command that sends a sample goal to a channel of the config.
type Try struct {
	Channel  string
	Language string // "" means the language of the channel's first rule
}

// Run sends the goal to all recipients of the channel, regardless of filters and rules. It prints
// the text, and the number of recipients that received the goal.
func (t *Try) Run(ctx context.Context, h consumers.Host, out io.Writer) error {
	p, err := read(h)
	if err != nil {
		return err
	}
	settings, ok := p.Channels[t.Channel]
	if !ok {
		return fmt.Errorf("no channel %q: want one of %s", t.Channel, p.channelNames())
	}
	n, err := p.notifier(t.Channel, settings, h, options)
	if err != nil {
		return err
	}
	if n.subscribers != nil && h.Redis == nil {
		return errors.New("the subscriptions are stored in Redis: set REDIS_URL")
	}
	to, err := n.recipients(ctx)
	if err != nil {
		return err
	}
	language := t.Language
	if language == "" {
		language = n.firstLanguage
	}
	if !n.texts.has(language) {
		return fmt.Errorf("no texts in language %q: want one of %s", language, strings.Join(n.texts.languages(), ", "))
	}
	text, sent, failed := n.sendSample(ctx, event.NewTID(), language, to)
	fmt.Fprintf(out, "%s\nsent to %d of %d recipients\n", text, sent, len(to))
	return failed
}
