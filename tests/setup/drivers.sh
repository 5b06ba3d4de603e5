# System packages that the drivers of tests/drivers need; each driver's own packages are fetched by
# tests/drivers/run into $CACHE/drivers.

install_drivers() {
    system_packages libmariadb-dev pkg-config
    python_complete || system_packages python3-pip python3-dev
    command -v mvn >/dev/null || system_packages maven
    need go "for the Go driver"
    need node "for the Node driver"
}

# Whether this python3 has pip and the headers that mysqlclient is compiled with.
python_complete() {
    python3 -c 'import importlib.util as find, os, sysconfig as config, sys
sys.exit(not (find.find_spec("pip") and os.path.exists(config.get_path("include") + "/Python.h")))'
}
