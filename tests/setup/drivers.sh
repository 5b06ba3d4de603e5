# System packages that the drivers of tests/drivers need; each driver's own packages are fetched by
# tests/drivers/run into $CACHE/drivers.

install_drivers() {
    system_packages libmariadb-dev pkg-config
    command -v mvn >/dev/null || system_packages maven
    need go "for the Go driver"
    need node "for the Node driver"
}
