package rights

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Definitions returns the users of RabbitMQ and their permissions in a virtual host, in the format
// of "rabbitmqctl import_definitions". passwords contains the password of each role. A user without a
// password cannot log in.
func Definitions(users []User, vhost, namespace string, passwords map[string]string) []byte {
	type user struct {
		Name      string   `json:"name"`
		Hash      string   `json:"password_hash"`
		Algorithm string   `json:"hashing_algorithm"`
		Tags      []string `json:"tags"`
	}
	type permission struct {
		User      string `json:"user"`
		VHost     string `json:"vhost"`
		Configure string `json:"configure"`
		Write     string `json:"write"`
		Read      string `json:"read"`
	}
	type topicPermission struct {
		User     string `json:"user"`
		VHost    string `json:"vhost"`
		Exchange string `json:"exchange"`
		Write    string `json:"write"`
		Read     string `json:"read"`
	}
	type host struct {
		Name string `json:"name"`
	}
	var all struct {
		VHosts           []host            `json:"vhosts"`
		Users            []user            `json:"users"`
		Permissions      []permission      `json:"permissions"`
		TopicPermissions []topicPermission `json:"topic_permissions"`
	}
	all.VHosts = []host{{vhost}}
	exchange := retries
	if namespace != "" {
		exchange = namespace + "." + retries
	}
	for _, u := range users {
		r := u.Rabbit
		if r == nil {
			continue
		}
		hash := ""
		if p := passwords[u.Role]; p != "" {
			hash = rabbitHash(p)
		}
		all.Users = append(all.Users, user{u.Name, hash, "rabbit_password_hashing_sha256", []string{}})
		all.Permissions = append(all.Permissions, permission{u.Name, vhost, r.Configure, r.Write, r.Read})
		if r.Retries != nothing {
			all.TopicPermissions = append(all.TopicPermissions, topicPermission{u.Name, vhost, exchange, r.Retries, nothing})
		}
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(all) // cannot fail: all contains only strings
	return out.Bytes()
}

// rabbitHash returns the salted hash of a password as RabbitMQ stores it.
func rabbitHash(password string) string {
	salt := make([]byte, 4)
	_, _ = rand.Read(salt) // never fails
	sum := sha256.Sum256(append(salt[:len(salt):len(salt)], password...))
	return base64.StdEncoding.EncodeToString(append(salt, sum[:]...))
}

// pingUser is the Redis user of health checks. It needs no password and may only ping.
const pingUser = "matchwire-ping"

// serverUser is the Redis user with which replicas and Sentinels log in to Redis servers.
const serverUser = "matchwire-redis"

// serverRights are the rights of serverUser: those of a replica, and those that the documentation of Sentinel lists.
const serverRights = "resetkeys resetchannels &* -@all +ping +psync +replconf +multi +exec +slaveof +subscribe " +
	"+publish +info +role +config|rewrite +client|setname +client|kill +script|kill"

// ACL returns the users of Redis in the format of the file that the Redis setting aclfile names. It
// disables the user default, which has no password, and adds pingUser and serverUser. passwords contains the
// password of each role, and that of serverUser. A user without a password cannot log in, except pingUser.
func ACL(users []User, passwords map[string]string) []byte {
	var out strings.Builder
	login := func(name string) string {
		p := passwords[name]
		if p == "" {
			return "off resetpass"
		}
		sum := sha256.Sum256([]byte(p))
		return "on resetpass #" + hex.EncodeToString(sum[:])
	}
	out.WriteString("user default off resetpass resetkeys resetchannels -@all\n")
	fmt.Fprintf(&out, "user %s on nopass resetkeys resetchannels -@all +ping\n", pingUser)
	fmt.Fprintf(&out, "user %s %s %s\n", serverUser, login(serverUser), serverRights)
	for _, u := range users {
		r := u.Redis
		if r == nil {
			continue
		}
		fmt.Fprintf(&out, "user %s %s resetkeys", u.Name, login(u.Role))
		words := func(sign string, all []string) {
			for _, w := range all {
				out.WriteString(" " + sign + w)
			}
		}
		words("~", r.Keys)
		words("%R~", r.Read)
		out.WriteString(" resetchannels")
		words("&", r.Channels)
		out.WriteString(" -@all")
		words("+", r.Commands)
		out.WriteString("\n")
	}
	return []byte(out.String())
}
