package app

import (
	"github.com/alecthomas/kong"

	"github.com/matchwire/matchwire/internal/pipeline"
)

// helpTexts contains the help texts that are too long for the struct tags of their flags and
// arguments. The keys are the variable names in the tags.
var helpTexts = kong.Vars{
	"help_log_level": "debug, info, warn or error (default: info, or warn for demo and replay).",
	"help_namespace": "Namespace on shared servers; overrides the config.",

	"gateway_listen":  "Address to serve on; overrides the config (default: " + pipeline.DefaultListen + ").",
	"health_endpoint": "Endpoint to check if you pass no URL: livez, readyz or healthz.",

	"run_roles":     "Roles to run: api, scheduler, parser, consumers or fanout (default: all).",
	"run_listen":    "Address to serve on; overrides the config. With this flag, every role serves /healthz.",
	"run_anybody":   "Let clients on other machines connect to the streams without a token.",
	"run_name":      "Name of this instance in ps (default: host name and process ID).",
	"run_advertise": "Address at which other instances reach this one (default: derived from the listen address).",

	"check_profiles": "Profile files to test (default: check the config and test all its profiles).",
	"check_update": "Save the current results of the sample pages as the expected results. " +
		"Review the diff before you commit it.",
	"demo_dirs": "Fixture folders with your own recordings (default: three included matches).",

	"health_url": "URL to check (default: the endpoint at the address in the config). " +
		"Pass a URL if the process serves HTTPS.",
	"health_listen": "Address of the process; overrides the config.",
	"dead_list_consumer": "Consumer or queue whose dead letters to list " +
		"(default: count the dead letters of each consumer in the config).",
	"emit_facts": "Facts as a JSON object (default: read one JSON object per line from standard input).",
	"page_request": "Name of request settings under requests in the config " +
		"(default: the settings of the source with this URL, if the config has such a source).",
	"replay_as_live": "Handle the pages as live pages: use the live state and the original match IDs, " +
		"and let consumers send notifications. The replay fails if matchwire already has state for a match.",
	"token_scopes":   "What the token allows: read, operate, change or metrics.",
	"record_profile": "Name or file of the profile. A file is copied into the fixture.",
	"trace_jobs":     "Maximum number of scheduled jobs to show. If there are more, only the latest are shown.",
	"trace_rows": "Show the row of the page that each event came from. " +
		"For the event whose ID you pass, the row is always shown.",
}
