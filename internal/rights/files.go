package rights

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Names of the files that Write writes.
const (
	DefinitionsFile = "rabbitmq/definitions.json"
	ACLFile         = "redis/users.acl"
	amqpFile        = "amqp_url"  // in the folder of a role
	redisFile       = "redis_url" // in the folder of a role
	tokenFile       = "api_token" // in the folder of the role api
	keyFile         = "instance_key"
	cookieFile      = "rabbitmq/erlang_cookie" // with which the nodes of a cluster trust each other
	serverFile      = "redis/server_password"  // the password of serverUser
)

// keyRoles are the roles with a keyFile in their folders: the gateway, and the roles to which it
// forwards requests. The other roles cannot sign announcements that a gateway trusts.
var keyRoles = []string{"api", "fanout", "gateway"}

// ErrURL marks an error about a URL in [Servers].
var ErrURL = errors.New("without a user")

// Servers holds the URLs of the servers, without users.
type Servers struct {
	AMQP  string // the URLs of a cluster's nodes are separated by commas
	Redis string
}

// Write writes files with the users of a namespace to the folder dir. The files for the servers contain
// the users with hashes of their passwords. The folder of each role contains the URLs with its password.
// The folder of the role api also contains an API token, and the folders of keyRoles the key for the
// announcements of instances. The nodes of a cluster need cookieFile and serverFile, which contain secrets. Write
// creates random passwords, a random token and a random key, unless dir already contains them. It returns the roles
// that got a new password.
func Write(dir, namespace string, servers Servers) (created []string, err error) {
	users := Users(namespace)
	amqp, err := parse(servers.AMQP, "amqp", "amqps")
	if err != nil {
		return nil, fmt.Errorf("URL of RabbitMQ: %w", err)
	}
	redis, err := parse(servers.Redis, "redis", "rediss")
	if err != nil {
		return nil, fmt.Errorf("URL of Redis: %w", err)
	}
	passwords := map[string]string{}
	for _, u := range users {
		folder := filepath.Join(dir, u.Role)
		password, err := existing(filepath.Join(folder, amqpFile), filepath.Join(folder, redisFile))
		if err != nil {
			return nil, err
		}
		if password == "" {
			password = rand.Text()
			created = append(created, u.Role)
		}
		passwords[u.Role] = password
		if u.Rabbit != nil {
			err = writeFile(filepath.Join(folder, amqpFile), 0o400, []byte(as(amqp, u.Name, password)))
		}
		if err == nil && u.Redis != nil {
			err = writeFile(filepath.Join(folder, redisFile), 0o400, []byte(as(redis, u.Name, password)))
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err := secretIn(filepath.Join(dir, "api", tokenFile), 0o400); err != nil {
		return nil, err
	}
	if err := writeKey(dir); err != nil {
		return nil, err
	}
	vhost := strings.TrimPrefix(amqp[0].Path, "/")
	if vhost == "" {
		vhost = "/"
	}
	// The servers read these files as other users of the system.
	if _, err := secretIn(filepath.Join(dir, cookieFile), 0o444); err != nil {
		return nil, err
	}
	if passwords[serverUser], err = secretIn(filepath.Join(dir, serverFile), 0o444); err != nil {
		return nil, err
	}
	definitions := Definitions(users, vhost, namespace, passwords)
	if err := writeFile(filepath.Join(dir, DefinitionsFile), 0o444, definitions); err != nil {
		return nil, err
	}
	return created, writeFile(filepath.Join(dir, ACLFile), 0o444, ACL(users, passwords))
}

// secretIn returns the secret in a file. If the file does not exist, it writes a random secret.
func secretIn(file string, mode fs.FileMode) (string, error) {
	secret, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		secret = []byte(rand.Text())
		err = writeFile(file, mode, secret)
	}
	return string(secret), err
}

// writeKey writes the same keyFile to the folder of each role in keyRoles. It uses the key in one of the
// folders, or a new key if there is none.
func writeKey(dir string) error {
	var key []byte
	for _, role := range keyRoles {
		found, err := os.ReadFile(filepath.Join(dir, role, keyFile))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(key) == 0 {
			key = found
		}
	}
	if len(key) == 0 {
		key = []byte(rand.Text() + rand.Text()) // one text is shorter than the minimum for a key
	}
	for _, role := range keyRoles {
		if err := writeFile(filepath.Join(dir, role, keyFile), 0o400, key); err != nil {
			return err
		}
	}
	return nil
}

// parse parses URLs that are separated by commas. Each URL must have one of the two schemes, a host and no user.
func parse(text string, schemes ...string) (all []*url.URL, err error) {
	for _, one := range strings.Split(text, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != schemes[0] && u.Scheme != schemes[1] {
			// err and the URL can contain a password.
			return nil, fmt.Errorf("want %s://host:port or %s://host:port, %w", schemes[0], schemes[1], ErrURL)
		}
		all = append(all, u)
	}
	return all, nil
}

// as returns the URLs with a user, separated by commas. In a URL of Sentinels, the user before the host would be a user
// of the Sentinels, so the user of Redis follows as parameters.
func as(urls []*url.URL, name, password string) string {
	var all []string
	for _, u := range urls {
		c := *u
		if query := c.Query(); query.Has("master_name") {
			query.Set("username", name)
			query.Set("password", password)
			c.RawQuery = query.Encode()
		} else {
			c.User = url.UserPassword(name, password)
		}
		all = append(all, c.String())
	}
	return strings.Join(all, ",")
}

// existing returns the password in the first of the files that exists, or "" if none exists.
func existing(files ...string) (string, error) {
	for _, name := range files {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		first, _, _ := strings.Cut(strings.TrimSpace(string(text)), ",")
		if u, err := url.Parse(first); err == nil {
			password, _ := u.User.Password()
			if password = cmp.Or(u.Query().Get("password"), password); password != "" {
				return password, nil
			}
		}
		return "", fmt.Errorf("%s: want a URL with a password: delete the file to create a new password", name)
	}
	return "", nil
}

// writeFile writes a file under a temporary name and then renames it, so that no reader sees an
// incomplete file. It creates the folder of the file if necessary.
func writeFile(name string, mode fs.FileMode, data []byte) error {
	dir := filepath.Dir(name)
	folderMode := fs.FileMode(0o700)
	if mode&0o044 != 0 {
		folderMode = 0o755
	}
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
