jq -n '$ENV'
