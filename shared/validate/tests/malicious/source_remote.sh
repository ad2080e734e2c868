source <(printf 'id')
