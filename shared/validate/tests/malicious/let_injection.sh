x='a[$(id)]'
echo $((x))
